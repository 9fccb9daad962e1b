/**
 * An MCP server as a program, for tests of local servers. It speaks JSON-RPC by hand, so that it can also misbehave: its
 * tools print noise, crash, hang, and change the list of tools. `--stubborn`: it ignores SIGTERM and the end of its input.
 * `--broken`: it ends with an error at once. `--children`: it starts a process and prints its id to the file of the next
 * argument. `--calls`: it adds a line to the file of the next argument for each call.
 */
import { spawn } from "node:child_process"
import { appendFileSync, writeFileSync } from "node:fs"
import { createInterface } from "node:readline"

interface Request {
  readonly id?: number
  readonly method: string
  readonly params?: {
    readonly name?: string
    readonly arguments?: Record<string, unknown>
    readonly _meta?: Record<string, unknown>
  }
}

const args = process.argv.slice(2)

if (args.includes("--broken")) {
  process.stderr.write(`cannot open the database with ${process.env["PASSWORD"] ?? "no password"}\n`)
  process.exit(3)
}

const isStubborn = args.includes("--stubborn")
if (isStubborn) {
  process.on("SIGTERM", () => {})
  setInterval(() => {}, 1_000)
}

if (args.includes("--children")) {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" })
  writeFileSync(args[args.indexOf("--children") + 1]!, `${process.pid} ${child.pid}`)
}

const tool = (name: string, properties: Record<string, unknown> = {}) => ({
  name,
  description: `The tool ${name}.`,
  inputSchema: { type: "object", properties },
})

const tools = [
  "echo",
  "trace",
  "fail",
  "noise",
  "crash",
  "hang",
  "grow",
  "variables",
  "pid",
  "picture",
  "odd name!",
].map((name) => tool(name, { text: { type: "string" } }))

const write = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)

const text = (text: string, isError = false) => ({ content: [{ type: "text", text }], isError })

const call = (name: string, input: Record<string, unknown>): object | undefined => {
  if (args.includes("--calls")) {
    appendFileSync(args[args.indexOf("--calls") + 1]!, `${name} ${JSON.stringify(input)}\n`)
  }
  switch (name) {
    case "fail":
      return text("It failed.", true)
    case "noise":
      process.stdout.write('a stray print\n{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"odd"}}\n{ no json\n')
      return text("after the noise")
    case "crash":
      process.stderr.write("out of memory\n")
      return process.exit(7)
    case "hang":
      return undefined
    case "grow":
      tools.push(tool("grown"))
      write({ method: "notifications/tools/list_changed" })
      return text("grown")
    case "variables":
      return text(Object.keys(process.env).sort().join(" "))
    case "picture":
      return {
        content: [
          { type: "text", text: "Here it is." },
          { type: "image", mimeType: "image/png", data: "iVBORw0KGgo=" },
          { type: "resource", resource: { uri: "file:///a/data.bin", blob: "AAE=" } },
        ],
      }
    case "pid":
      return text(String(process.pid))
    default:
      return text(JSON.stringify(input))
  }
}

const answer = ({ method, params }: Request): object | undefined => {
  switch (method) {
    case "initialize":
      return {
        protocolVersion: "2025-11-25",
        capabilities: { tools: { listChanged: true } },
        serverInfo: { name: "program", version: "1" },
      }
    case "tools/list":
      return { tools }
    case "tools/call":
      if (params?.name === "trace") return text(String(params._meta?.["traceparent"]))
      return call(params?.name ?? "", params?.arguments ?? {})
    default:
      return undefined
  }
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const request: Request = JSON.parse(line)
  if (request.id === undefined) return
  const result = answer(request)
  // A field that JSON-RPC does not have, as some servers send it.
  if (result !== undefined) write({ id: request.id, result, extra: true })
})
