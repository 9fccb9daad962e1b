/**
 * A real browser that npm brings, on a machine that has none: no libraries and no fonts of the system are needed.
 */
import * as Fs from "node:fs"
import { join } from "node:path"
import { type Browser, chromium as playwright } from "playwright-core"

/** Unpacks it into the folder, which the caller removes when the browser is closed. */
export const launch = async (folder: string, ...args: ReadonlyArray<string>): Promise<Browser> => {
  // The package unpacks where TMPDIR says, and its libraries only where it thinks that it is on AWS.
  process.env["TMPDIR"] = folder
  process.env["AWS_EXECUTION_ENV"] = "AWS_Lambda_nodejs24.x"
  const { default: chromium } = await import("@sparticuz/chromium")
  const executablePath = await chromium.executablePath()
  // Its fonts are looked for in /tmp alone. Without any, text has no height and nothing on a page is visible.
  const fonts = join(folder, "fonts")
  Fs.writeFileSync(
    join(fonts, "fonts.conf"),
    `<?xml version="1.0"?><fontconfig><dir>${fonts}</dir><cachedir>${join(folder, "fonts-cache")}</cachedir></fontconfig>`,
  )
  // Not the package's own `args`: they switch the browser's security off.
  return playwright.launch({ executablePath, args: ["--no-sandbox", ...args] })
}
