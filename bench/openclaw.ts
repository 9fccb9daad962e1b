/**
 * Side by side with OpenClaw's own gateway, on the same machine, over the same protocol and with the same frames: how
 * many calls and connections each serves in a second, how long each takes to start, how much memory each takes. The other
 * one is installed outside this project. Writes its section of RESULTS.md: `npm run bench:openclaw`.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { CURRENT, home, openclaw } from "../scripts/openclaw/Workshop.ts"
import { Count, frame, Line } from "./Line.ts"
import { number } from "./Report.ts"
import { BINARY } from "./Targets.ts"

const TOKEN = "token-of-the-bench"

/** How long each rate is looked at. */
const LOOK_MS = 4_000

interface Subject {
  readonly name: string
  readonly port: number
  readonly startMs: number
  readonly process: ChildProcess
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

const isHealthy = async (port: number): Promise<boolean> => {
  try {
    return (await fetch(`http://127.0.0.1:${port}/healthz`)).ok
  } catch {
    return false
  }
}

const start = async (name: string, args: (port: number) => ReadonlyArray<string>): Promise<Subject> => {
  const port = await freePort()
  const folder = home()
  const began = performance.now()
  const child = spawn(process.execPath, args(port), {
    env: {
      PATH: process.env["PATH"],
      HOME: folder,
      OPENCLAW_STATE_DIR: folder,
      GATEWAY_STATE_DIR: folder,
      GATEWAY_TOKEN: TOKEN,
      OPENCLAW_GATEWAY_TOKEN: TOKEN,
    },
    stdio: "ignore",
  })
  while (!(await isHealthy(port))) {
    if (child.exitCode !== null || performance.now() - began > 120_000) throw new Error(`${name} does not start`)
    await sleep(20)
  }
  return { name, port, startMs: performance.now() - began, process: child }
}

const request = (method: string, params: unknown) => frame(JSON.stringify({ type: "req", id: "1", method, params }))

const CONNECT = request("connect", {
  minProtocol: 4,
  maxProtocol: 4,
  client: { id: "gateway-client", version: "1", platform: "node", mode: "backend" },
  role: "operator",
  scopes: ["operator.admin"],
  auth: { token: TOKEN },
})

const open = async ({ port }: Subject): Promise<Line> => {
  const line = await Line.open(port, { path: "/" })
  await line.exchange(CONNECT, `"hello-ok"`, 1)
  return line
}

/** Answers a second, and how many of them were refusals. */
const rate = async (subject: Subject, connections: number, method: string): Promise<readonly [number, number]> => {
  const lines: Array<Line> = []
  // No more at a time than OpenClaw's gateway lets in unknown.
  while (lines.length < connections) {
    const some = Math.min(16, connections - lines.length)
    lines.push(...(await Promise.all(Array.from({ length: some }, () => open(subject)))))
  }
  const block = request(method, {})
  const refused = lines.map(() => new Count(`"ok":false,"error"`))
  let answers = 0
  const until = performance.now() + LOOK_MS
  const began = performance.now()
  await Promise.all(
    lines.map(
      (line, i) =>
        new Promise<void>((resolve) => {
          const come = new Count(`"type":"res"`)
          line.listen((data) => {
            const before = come.seen
            come.take(data)
            refused[i]!.take(data)
            if (come.seen === before) return
            answers += come.seen - before
            if (performance.now() > until) resolve()
            else line.write(block)
          })
          line.write(block)
        }),
    ),
  )
  const seconds = (performance.now() - began) / 1_000
  for (const line of lines) line.close()
  return [answers / seconds, refused.reduce((sum, { seen }) => sum + seen, 0)]
}

const connects = async (subject: Subject): Promise<number> => {
  let opened = 0
  const began = performance.now()
  const work = async () => {
    while (performance.now() - began < LOOK_MS) {
      ;(await open(subject)).close()
      opened++
    }
  }
  await Promise.all(Array.from({ length: 8 }, work))
  return opened / ((performance.now() - began) / 1_000)
}

const rssMb = ({ process: { pid } }: Subject): number =>
  Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) / 1_024

const measure = async (subject: Subject): Promise<Record<string, readonly [number, string]>> => {
  await sleep(5_000)
  const figures: Record<string, readonly [number, string]> = {
    "start to healthy": [subject.startMs, "ms"],
    "resident memory, idle": [rssMb(subject), "MB"],
  }
  await rate(subject, 1, "health")
  for (const method of ["health", "sessions.list"]) {
    for (const connections of [1, 50]) {
      const [perSecond, refusals] = await rate(subject, connections, method)
      figures[`\`${method}\`, ${connections} ${connections === 1 ? "connection" : "connections"}`] = [
        perSecond,
        refusals === 0 ? "/s" : `/s, ${refusals} refused`,
      ]
    }
  }
  figures["connect to hello-ok, 8 at a time"] = [await connects(subject), "/s"]
  return figures
}

const subjects: ReadonlyArray<readonly [string, (port: number) => ReadonlyArray<string>]> = [
  [
    `openclaw ${CURRENT}`,
    (port) => [
      openclaw(CURRENT).entry,
      "gateway",
      "--port",
      String(port),
      "--bind",
      "loopback",
      "--auth",
      "token",
      "--token",
      TOKEN,
      "--allow-unconfigured",
    ],
  ],
  ["causeway", (port) => [BINARY, "start", "--port", String(port), "--log-level", "error"]],
]

const columns: Array<Record<string, readonly [number, string]>> = []
for (const [name, args] of subjects) {
  const subject = await start(name, args)
  columns.push(await measure(subject))
  subject.process.kill("SIGKILL")
}

const [theirs = {}, ours = {}] = columns
const rows = Object.entries(theirs).map(([work, [value, unit]]) => {
  const [own, ownUnit] = ours[work] ?? [Number.NaN, ""]
  const ratio = unit.startsWith("/s") ? own / value : value / own
  return `| ${work} | ${number(value)} ${unit} | ${number(own)} ${ownUnit} | ${ratio.toFixed(1)} x |`
})
const section = [
  "## Beside OpenClaw's own gateway",
  "",
  `Written by \`npm run bench:openclaw\`: openclaw ${CURRENT}, as it is on npm, against the built gateway, one after the other on`,
  "this machine, new state folders, one request in flight on each connection, protocol 4, rates over 4 s.",
  "",
  `| | ${subjects.map(([name]) => name).join(" | ")} | better by |`,
  "| --- | --- | --- | --- |",
  ...rows,
  "",
].join("\n")

const file = join(import.meta.dirname, "RESULTS.md")
const page = readFileSync(file, "utf8")
const at = page.indexOf("## Beside OpenClaw's own gateway")
writeFileSync(file, `${(at === -1 ? page : page.slice(0, at)).trimEnd()}\n\n${section}`)
console.log(section)
process.exit()
