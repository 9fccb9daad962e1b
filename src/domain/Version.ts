/**
 * The version of this gateway, as clients are told it. Stated here because the package file is not where the program
 * can read it everywhere it runs (bundled, embedded); a test holds it equal to package.json.
 */
export const VERSION = "0.1.0"
