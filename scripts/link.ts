/**
 * Lets `npx causeway` run this repository's source, as `npm start` does. npm links the binaries of what is installed,
 * not those of the package that it installs for; left alone, npx would install the folder into its cache first.
 */
import { existsSync, symlinkSync } from "node:fs"
import { join } from "node:path"

const link = join(import.meta.dirname, "../node_modules/.bin/causeway")

// On Windows a link of this kind cannot be run: npx takes its longer way there.
if (process.platform !== "win32" && !existsSync(link)) symlinkSync("../../src/main.ts", link)
