/**
 * Bundles the page and serves it. Run `npx node examples/browser/serve.ts` and open the printed address. A page on another
 * machine needs its origin in the gateway's option `allowedOrigins`.
 */
import { readFile } from "node:fs/promises"
import { createServer } from "node:http"
import { join } from "node:path"
import { rolldown } from "rolldown"

const folder = import.meta.dirname

const bundle = await rolldown({
  input: join(folder, "main.ts"),
  platform: "browser",
  // Maps the package name to the source in this repository. Other projects do not need it.
  tsconfig: join(folder, "tsconfig.json"),
})
const { output } = await bundle.generate({ format: "es", minify: true })
await bundle.close()

const page = await readFile(join(folder, "index.html"))
const files: Readonly<Record<string, readonly [type: string, content: string | Buffer]>> = {
  "/": ["text/html", page],
  "/main.js": ["text/javascript", output[0].code],
}

const server = createServer((request, response) => {
  const [type, content] = files[request.url ?? "/"] ?? []
  if (type === undefined) return void response.writeHead(404).end()
  response.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(content)
})

server.listen(Number(process.env["PORT"] ?? 8_080), "127.0.0.1", () => {
  const address = server.address()
  if (typeof address === "object") console.log(`http://127.0.0.1:${address?.port}/`)
})
