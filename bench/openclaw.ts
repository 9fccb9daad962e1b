/**
 * Compares the gateway with OpenClaw's own gateway on the same machine, with the same protocol and frames: calls and
 * connections per second, start time and memory. OpenClaw's gateway is installed outside this project.
 * `npm run bench:openclaw` writes its section of RESULTS.md.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { createServer } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { home } from "../scripts/acceptance/Installation.ts"
import { CURRENT, openclaw as installed } from "../scripts/openclaw/Installations.ts"
import { median } from "./Compare.ts"
import { Count, frame, Line } from "./Line.ts"
import { number, withUnit } from "./Report.ts"
import { writeBesideOpenClaw } from "./Results.ts"
import { BINARY, start as startTarget } from "./Targets.ts"
import { openClaw, request } from "./wires/OpenClaw.ts"

const TOKEN = "token-of-the-bench"

/** The client has no device, so that both gateways do the same work for its connection. */
const wire = openClaw(4, TOKEN, { hasDevice: false })

/** The duration and the number of the measurements of each rate. The median counts. */
const LOOK_MS = 2_000
const ROUNDS = 3

/** The load: each connection sends this many calls at once, and the next ones after all answers. */
interface Load {
  readonly method: string
  readonly connections: number
  readonly inFlight: number
}

const loads: ReadonlyArray<Load> = ["health", "sessions.list"].flatMap((method) => [
  { method, connections: 1, inFlight: 1 },
  { method, connections: 50, inFlight: 1 },
  { method, connections: 50, inFlight: 16 },
])

/** A measured server. */
interface Subject {
  readonly name: string
  open(): Promise<Line>
  /** The frame of one call. */
  call(method: string, id: string): Buffer
}

interface Gateway extends Subject {
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

const start = async (name: string, args: (port: number) => ReadonlyArray<string>): Promise<Gateway> => {
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
  return {
    name,
    startMs: performance.now() - began,
    process: child,
    open: async () => {
      const line = await Line.open(port, wire.upgrade)
      await wire.greet?.(line)
      return line
    },
    call: (method, id) => frame(request(id, method, {})),
  }
}

/** The maximum of the machine, the load generator and `ws`: an echo of frames as long as an answer. */
const startFloor = async (): Promise<Subject> => {
  const server = await startTarget("plain ws")
  const payload = "-".repeat(ANSWER_CHARS)
  return {
    name: server.name,
    open: () => server.open(),
    call: (_method, id) => frame(JSON.stringify({ type: "res", id, ok: true, payload })),
  }
}

/** About the length of an answer to `health` on an empty gateway. */
const ANSWER_CHARS = 800

/** The results per second, and the number of refused calls. */
const rate = async (
  subject: Subject,
  { connections, inFlight, method }: Load,
): Promise<{ readonly perSecond: number; readonly refusals: number }> => {
  const lines: Array<Line> = []
  // OpenClaw's gateway accepts no more unauthenticated clients at a time.
  while (lines.length < connections) {
    const some = Math.min(16, connections - lines.length)
    lines.push(...(await Promise.all(Array.from({ length: some }, () => subject.open()))))
  }
  const block = Buffer.concat(Array.from({ length: inFlight }, (_, i) => subject.call(method, String(i))))
  const refused = lines.map(() => new Count(`"ok":false,"error"`))
  let answers = 0
  const began = performance.now()
  await Promise.all(
    lines.map(
      (line, i) =>
        new Promise<void>((resolve) => {
          const come = new Count(`"type":"res"`)
          line.listen((data) => {
            come.take(data)
            refused[i]!.take(data)
            if (come.seen < inFlight) return
            answers += come.seen
            come.seen = 0
            if (performance.now() - began > LOOK_MS) resolve()
            else line.write(block)
          })
          line.write(block)
        }),
    ),
  )
  const seconds = (performance.now() - began) / 1_000
  for (const line of lines) line.close()
  const refusals = refused.reduce((sum, { seen }) => sum + seen, 0)
  return { perSecond: (answers - refusals) / seconds, refusals }
}

const connects = async (subject: Subject): Promise<number> => {
  let opened = 0
  const began = performance.now()
  const work = async () => {
    while (performance.now() - began < LOOK_MS) {
      ;(await subject.open()).close()
      opened++
    }
  }
  await Promise.all(Array.from({ length: 8 }, work))
  return opened / ((performance.now() - began) / 1_000)
}

const rssMb = ({ process: { pid } }: Gateway): number =>
  Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) / 1_024

const FLAGS = ["--bind", "loopback", "--auth", "token", "--token", TOKEN, "--allow-unconfigured"]
const openclawArgs = (port: number) => [installed(CURRENT).entry, "gateway", "--port", String(port), ...FLAGS]

const theirs = await start(`openclaw ${CURRENT}`, openclawArgs)
const ours = await start("causeway", (port) => [BINARY, "start", "--port", String(port), "--log-level", "error"])
const floor = await startFloor()
const subjects = [theirs, ours, floor]

await sleep(5_000)
const memory = [rssMb(theirs), rssMb(ours)] as const

/** Measures the subjects in turn, so that the load of the machine affects all alike. The first round is a warm-up. */
const rounds = async <A>(work: (subject: Subject) => Promise<A>): Promise<ReadonlyArray<ReadonlyArray<A>>> => {
  const figures = subjects.map((): Array<A> => [])
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [i, subject] of subjects.entries()) {
      const figure = await work(subject)
      if (round > 0) figures[i]!.push(figure)
    }
  }
  return figures
}

const row = (work: string, cells: ReadonlyArray<string>, better: number): string =>
  `| ${[work, ...cells, `${better.toFixed(1)} x`].join(" | ")} |`

const rows = [
  row(
    "start to healthy",
    [withUnit(theirs.startMs, "ms"), withUnit(ours.startMs, "ms"), ""],
    theirs.startMs / ours.startMs,
  ),
  row("resident memory, idle", [...memory.map((mb) => withUnit(mb, "MB")), ""], memory[0] / memory[1]),
]
for (const load of loads) {
  const figures = await rounds((subject) => rate(subject, load))
  const cells = figures.map((looks) => ({
    perSecond: median(looks.map(({ perSecond }) => perSecond)),
    refusals: median(looks.map(({ refusals }) => refusals)),
  }))
  const texts = cells.map(
    ({ perSecond, refusals }) => `${number(perSecond)} /s${refusals === 0 ? "" : `, ${number(refusals)} refused`}`,
  )
  const { connections, inFlight, method } = load
  const work = `\`${method}\`, ${connections} ${connections === 1 ? "connection" : "connections"} x ${inFlight}`
  rows.push(row(work, texts, cells[1]!.perSecond / cells[0]!.perSecond))
}
const opened = (await rounds(connects)).map(median)
rows.push(
  row(
    "connect to hello-ok, 8 at a time",
    opened.map((perSecond) => `${number(perSecond)} /s`),
    opened[1]! / opened[0]!,
  ),
)

const section = `Written by \`npm run bench:openclaw\`: openclaw ${CURRENT}, as it is on npm, against the built gateway, in turns on this machine,
new state folders, protocol 4. Rates are of results, medians of ${ROUNDS} looks of ${LOOK_MS / 1_000} s; \`x 16\`: so many calls in flight on each
connection. \`plain ws\` echoes frames of the size of \`health\`: what the machine and the load generator do at most.

| | ${subjects.map(({ name }) => name).join(" | ")} | better by |
| --- | --- | --- | --- | --- |
${rows.join("\n")}
`
writeBesideOpenClaw(section)
console.log(section)
for (const { process } of [theirs, ours]) process.kill("SIGKILL")
process.exit()
