/**
 * Environment: the environment variables of this process. The command line reads them here only. It imports nothing,
 * because main.ts loads it before it turns on the compile cache.
 */
export type Environment = Readonly<Record<string, string | undefined>>

// oxlint-disable-next-line no-restricted-properties -- the one reader of the environment
export const processEnvironment: Environment = process.env

/** Whether npm or npx runs this program, as a script or as the command of a package. */
export const isRunByNpm: boolean = processEnvironment["npm_lifecycle_event"] !== undefined
