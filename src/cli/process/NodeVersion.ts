/**
 * NodeVersion: the oldest supported Node, as in `engines` of package.json. It imports nothing, because an older Node must
 * be able to load it. main.ts and `causeway doctor` use it.
 */

export const OLDEST_NODE = "22.19"

/** `version`: e.g. `22.18.0`. */
export const isTooOld = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE.split(".").map(Number)
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor)
}
