/**
 * Runs a real nginx with a configuration from the docs, if the machine has one on the PATH or in Debian's folder. Its files
 * are in a temporary folder. The end of the scope stops it.
 */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { delimiter, join } from "node:path"
import { temporaryFolder } from "./GatewayProcess.ts"

export const nginx: string | undefined = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"]
  .map((folder) => join(folder, "nginx"))
  .find((file) => existsSync(file))

const freePort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})

const accepts = (port: number) =>
  Effect.callback<boolean>((resume) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("connect", () => {
      socket.destroy()
      resume(Effect.succeed(true))
    })
    socket.once("error", () => resume(Effect.succeed(false)))
  })

/** The folders in which parts of nginx write temporary files. */
const TEMPORARY = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]

const wholeConfig = (site: string) => `
${process.getuid?.() === 0 ? "user root root;" : ""}
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 256; }
http {
  access_log off;
  ${TEMPORARY.map((name) => `${name}_temp_path ${name};`).join(" ")}
  ${site}
}
`

/** Starts nginx for a gateway and returns its port. `site`: the configuration of the docs, for TLS and port 18789. */
export const start = Effect.fnUntraced(function* (site: string, gatewayPort: number) {
  const folder = yield* temporaryFolder
  const port = yield* freePort
  const local = site
    .replace(/listen 443 ssl;/g, `listen 127.0.0.1:${port};`)
    .replace(/^\s*ssl_.*$/gm, "")
    .replace(/127\.0\.0\.1:18789/g, `127.0.0.1:${gatewayPort}`)
  for (const name of TEMPORARY) mkdirSync(join(folder, name))
  writeFileSync(join(folder, "nginx.conf"), wholeConfig(local))
  let said = ""
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(nginx ?? "nginx", ["-p", folder, "-c", "nginx.conf", "-e", "stderr", "-g", "daemon off;"])
      child.stderr.setEncoding("utf8").on("data", (text) => (said += text))
      return child
    }),
    (child) =>
      Effect.callback<void>((resume) => {
        if (child.exitCode !== null) return resume(Effect.void)
        child.once("exit", () => resume(Effect.void))
        child.kill("SIGTERM")
      }),
  )
  const isUp = Effect.flatMap(accepts(port), (accepted) =>
    child.exitCode === null ? Effect.succeed(accepted) : Effect.die(new Error(`nginx has ended: ${said}`)),
  )
  yield* Effect.repeat(isUp, { until: (accepted) => accepted })
  return port
})
