/**
 * The version of this gateway, which clients see. It is stated here because a bundled or embedded gateway cannot read the
 * package file. A test keeps it equal to package.json.
 */
export const VERSION = "0.1.0"
