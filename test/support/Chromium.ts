/**
 * Starts a real browser from an npm package. It needs no browser, libraries or fonts of the machine.
 */
import * as Fs from "node:fs"
import { join } from "node:path"
import { type Browser, chromium as playwright } from "playwright-core"

/** Unpacks the browser into the folder and starts it. The caller removes the folder after closing the browser. */
export const launch = async (folder: string, ...args: ReadonlyArray<string>): Promise<Browser> => {
  // The package unpacks into TMPDIR. It unpacks its libraries only if it believes that it runs on AWS.
  process.env["TMPDIR"] = folder
  process.env["AWS_EXECUTION_ENV"] = "AWS_Lambda_nodejs24.x"
  const { default: chromium } = await import("@sparticuz/chromium")
  const executablePath = await chromium.executablePath()
  // The package configures fonts in /tmp only. Without fonts, text has no height and pages show nothing.
  const fonts = join(folder, "fonts")
  Fs.writeFileSync(
    join(fonts, "fonts.conf"),
    `<?xml version="1.0"?><fontconfig><dir>${fonts}</dir><cachedir>${join(folder, "fonts-cache")}</cachedir></fontconfig>`,
  )
  // The `args` of the package would disable the security of the browser.
  return playwright.launch({ executablePath, args: ["--no-sandbox", ...args] })
}
