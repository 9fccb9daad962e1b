/**
 * Starts a real browser from an npm package. It needs no browser, libraries or fonts of the machine.
 */
import * as Fs from "node:fs"
import { join } from "node:path"
import { type Browser, chromium as playwright } from "playwright-core"

/**
 * Unpacks the browser and returns its path. The package unpacks into TMPDIR, and unpacks its libraries only if it believes
 * that it runs on AWS. Other tests of the process must not see these variables, nor those that the package sets.
 */
const unpack = async (folder: string): Promise<string> => {
  const before = { ...process.env }
  Object.assign(process.env, { TMPDIR: folder, AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x" })
  try {
    const { default: chromium } = await import("@sparticuz/chromium")
    return await chromium.executablePath()
  } finally {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
    Object.assign(process.env, before)
  }
}

/** Unpacks the browser into the folder and starts it. The caller removes the folder after closing the browser. */
export const launch = async (folder: string, ...args: ReadonlyArray<string>): Promise<Browser> => {
  const executablePath = await unpack(folder)
  // The package configures fonts in /tmp only. Without fonts, text has no height and pages show nothing.
  const fonts = join(folder, "fonts")
  Fs.writeFileSync(
    join(fonts, "fonts.conf"),
    `<?xml version="1.0"?><fontconfig><dir>${fonts}</dir><cachedir>${join(folder, "fonts-cache")}</cachedir></fontconfig>`,
  )
  const env = { ...process.env, TMPDIR: folder, FONTCONFIG_PATH: fonts, LD_LIBRARY_PATH: join(folder, "al2023", "lib") }
  // The `args` of the package would disable the security of the browser.
  return playwright.launch({ executablePath, env, args: ["--no-sandbox", ...args] })
}
