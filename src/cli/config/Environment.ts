/**
 * The environment of this process. Everything that needs it is given it from here. Nothing is imported, because main.ts
 * loads this before the compile cache is on.
 */
export type Environment = Readonly<Record<string, string | undefined>>

// oxlint-disable-next-line no-restricted-properties -- this is the place
export const processEnvironment: Environment = process.env

/** Whether npm or npx runs this program, as a script or a package's command. */
export const isRunByNpm: boolean = processEnvironment["npm_lifecycle_event"] !== undefined
