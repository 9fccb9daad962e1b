/**
 * Starts the gateway for the acceptance tests: the binary of this project as a process, on a free port, with its own state
 * folder.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { env } from "node:process"

const MAIN = join(import.meta.dirname, "../../src/main.ts")

export interface Gateway {
  /** E.g. `http://127.0.0.1:40209`. */
  readonly url: string
  readonly wsUrl: string
  readonly token: string
  readonly stop: () => Promise<void>
}

const printed = (child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> =>
  new Promise((resolve, reject) => {
    let text = ""
    const onData = (chunk: Buffer) => {
      text += chunk.toString()
      const found = pattern.exec(text)
      if (found !== null) resolve(found)
    }
    child.stdout?.on("data", onData)
    child.stderr?.on("data", onData)
    child.on("exit", (code) => reject(new Error(`the gateway ended with ${code}: ${text}`)))
  })

export const startGateway = async (stateDir: string, controlUiDir: string): Promise<Gateway> => {
  const token = "token-of-the-acceptance"
  const child = spawn(process.execPath, [MAIN, "start", "--port", "0", "--state-dir", stateDir], {
    env: { PATH: env["PATH"], HOME: stateDir, GATEWAY_TOKEN: token, GATEWAY_CONTROL_UI_DIR: controlUiDir },
  })
  const [url = ""] = await printed(child, /http:\/\/127\.0\.0\.1:\d+/)
  return {
    url,
    wsUrl: url.replace("http", "ws"),
    token,
    stop: async () => {
      const gone = once(child, "exit")
      child.kill("SIGTERM")
      await gone
    },
  }
}
