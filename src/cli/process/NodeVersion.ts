/**
 * The Node that the program needs, as `engines` of package.json has it. Nothing is imported here: what is too old for the
 * rest must be able to load this.
 */

export const OLDEST_NODE = "22.19"

/** E.g. of `22.18.0`. */
export const isTooOld = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE.split(".").map(Number)
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor)
}
