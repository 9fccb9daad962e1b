/** The package as users get it. All tests here share one slow pack and install. */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import * as Package from "../support/Package.ts"

const folder = Package.temporaryFolder()
let tarball: string
let consumer: string

beforeAll(async () => {
  tarball = await Package.pack(folder)
  consumer = await Package.install(folder, tarball)
}, 600_000)

afterAll(() => Fs.rmSync(folder, { recursive: true, force: true }))

const installed = (...path: ReadonlyArray<string>) => join(consumer, "node_modules/@causeway/gateway", ...path)

/** Starts a program and returns the first line that matches the pattern. */
const startUntil = async (
  program: string,
  args: ReadonlyArray<string>,
  pattern: RegExp,
  env: Record<string, string> = {},
) => {
  const child = spawn(program, args, { cwd: consumer, env: { PATH: process.env["PATH"], HOME: folder, ...env } })
  const stop = async () => {
    child.kill("SIGKILL")
    if (child.exitCode === null && child.signalCode === null) await once(child, "close")
  }
  let written = ""
  child.stderr.on("data", (data) => (written += String(data)))
  for await (const line of createInterface({ input: child.stdout })) {
    written += `${line}\n`
    const match = pattern.exec(line)
    if (match !== null) return { match, stop }
  }
  throw new Error(`${program} ${args.join(" ")} did not print ${pattern}:\n${written}`)
}

describe("A clone", () => {
  it("`npx causeway` runs in a clone, with any Node of the machine.", async () => {
    const home = join(folder, "home")
    Fs.mkdirSync(home)
    const { stderr, stdout } = await Package.npxCauseway(Package.clone(folder), home, "doctor")
    expect(stdout).toMatch(/^ok +node +\d/)
    expect(stderr).toBe("")
    // npx builds the clone, which takes minutes on a busy machine.
  }, 600_000)
})

describe("The tarball", () => {
  it("The tarball contains the program and its types, and nothing else of the repository.", async () => {
    const { stdout } = await Package.run(folder, "tar", "-tzf", tarball)
    const files = stdout.trim().split("\n")
    expect(files).toEqual(expect.arrayContaining(["package/LICENSE", "package/README.md", "package/dist/main.js"]))
    for (const entry of ["index", "client", "domain", "openclaw-client"]) {
      expect(files).toEqual(expect.arrayContaining([`package/dist/${entry}.js`, `package/dist/${entry}.d.ts`]))
    }
    const expected =
      /^package\/(LICENSE|README\.md|package\.json|dist\/.+\.(d\.ts|js)|dist\/main(\/.+)?\.js\.map|dist\/main\/LICENSES\.txt)$/
    expect(files.filter((file) => !expected.test(file))).toEqual([])
  })

  it("The package contains the licences of the packages in its bundle.", () => {
    const licences = Fs.readFileSync(installed("dist/main/LICENSES.txt"), "utf8")
    for (const name of ["effect", "ws", "undici", "zod", "@agentclientprotocol/sdk"]) {
      expect(licences).toMatch(new RegExp(`^${name} \\d`, "m"))
    }
  })

  it("The package installs no Node, no tools and no scripts.", () => {
    const manifest: object = JSON.parse(Fs.readFileSync(installed("package.json"), "utf8"))
    for (const field of ["optionalDependencies", "devDependencies", "scripts", "allowScripts"]) {
      expect(manifest).not.toHaveProperty(field)
    }
    expect(Fs.readdirSync(join(consumer, "node_modules")).filter((name) => name.startsWith("node-linux"))).toEqual([])
    expect(manifest).toMatchObject({ peerDependencies: { effect: "4.1.0" } })
  })

  it("The tarball passes publint.", async () => {
    await Package.run(folder, "publint", "--strict", tarball)
  }, 180_000)

  it("The types resolve in every ES module setting.", async () => {
    await Package.run(folder, "attw", tarball, "--profile", "esm-only", "--no-emoji")
  }, 180_000)
})

/** Writes the programs of the README into the consumer's folder. */
const writeReadmePrograms = (): ReadonlyArray<string> => {
  const readme = Fs.readFileSync(installed("README.md"), "utf8")
  const programs = [...readme.matchAll(/^```ts\n([^]*?)^```$/gm)].map((match) => match[1]!)
  expect(programs.length).toBeGreaterThanOrEqual(2)
  return programs.map((program, i) => {
    const name = `readme-${i}.ts`
    Fs.writeFileSync(join(consumer, name), `declare const token: string\n${program}`)
    return name
  })
}

describe("The installed package", () => {
  const examples = Fs.readdirSync(join(Package.root, "examples")).filter((name) => name.endsWith(".ts"))

  beforeAll(() => {
    for (const name of examples) Fs.copyFileSync(join(Package.root, "examples", name), join(consumer, name))
  })

  it("Programs that use each entry point pass the type check.", async () => {
    Fs.writeFileSync(
      join(consumer, "entries.ts"),
      `import { Gateway, GatewayConfig, type AgentRuntime } from "@causeway/gateway"
       import { connect, GatewayClient } from "@causeway/gateway/client"
       import { GatewayRpcs, type Session } from "@causeway/gateway/domain"
       import { connect as toOpenClaw, OpenClawClient } from "@causeway/gateway/openclaw-client"
       import manifest from "@causeway/gateway/package.json" with { type: "json" }
       import type * as Layer from "effect/Layer"
       export const layer: Layer.Layer<GatewayConfig> = GatewayConfig.layer({ port: 0 })
       export const parts = Object.keys(Gateway.parts)
       // The type of an exported value must be nameable outside the package.
       export const gateway = Gateway.layerWith({ ...Gateway.parts, storage: Gateway.storageInMemory })
       export const client = GatewayClient.layer({ url: "ws://127.0.0.1:1/rpc" })
       export const list: Promise<{ readonly sessions: ReadonlyArray<Session> }> = connect({ url: "" }).call("sessions.list", {})
       // @ts-expect-error: no method has this name
       export const wrong = connect({ url: "" }).call("sessions.lst", {})
       export const openClaw = OpenClawClient.layer({ url: "ws://127.0.0.1:1/" })
       export const agents: Promise<ReadonlyArray<{ readonly id: string }>> =
         toOpenClaw({ url: "" }).call("agents.list").then((list) => list.agents)
       export const methods: number = GatewayRpcs.requests.size
       export const version: string = manifest.version
       export const silent: AgentRuntime["name"] = "silent"
      `,
    )
    Fs.writeFileSync(
      join(consumer, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: {
          module: "nodenext",
          target: "es2023",
          lib: ["es2024", "dom"],
          strict: true,
          exactOptionalPropertyTypes: true,
          noEmit: true,
          declaration: true,
          skipLibCheck: true,
          types: ["node"],
          resolveJsonModule: true,
        },
        files: ["entries.ts", ...examples, ...writeReadmePrograms()],
      }),
    )
    await Package.run(consumer, "tsc", "-p", ".")
    await Package.run(consumer, "tsc", "-p", ".", "--module", "esnext", "--moduleResolution", "bundler")
  }, 180_000)

  it("The binary prints its version, starts and answers.", async () => {
    const causeway = join(consumer, "node_modules/.bin/causeway")
    const { version } = JSON.parse(Fs.readFileSync(installed("package.json"), "utf8")) as { version: string }
    expect((await Package.run(consumer, causeway, "--version")).stdout).toContain(version)
    const stateDir = join(folder, "state")
    const { match, stop } = await startUntil(
      causeway,
      ["start", "--port", "0", "--state-dir", stateDir],
      /listens on (\S+)/,
    )
    try {
      const { stdout } = await Package.run(
        consumer,
        causeway,
        "send",
        "hello",
        "--url",
        match[1]!,
        "--state-dir",
        stateDir,
      )
      expect(stdout).toBe("echo: hello\n")
    } finally {
      await stop()
    }
  }, 180_000)

  it("The examples run: an embedded gateway, its clients, a tool and a runtime.", async () => {
    const { match, stop } = await startUntil(process.execPath, ["embed.ts"], /listens on (\S+)/, { PORT: "0" })
    try {
      const url = match[1]!
      const bearer = { headers: { authorization: "Bearer example" } }
      expect(await (await fetch(`${url}/app/visits`, bearer)).json()).toEqual({ conversations: 1 })
      expect((await fetch(`${url}/health`)).status).toBe(200)
      expect((await fetch(`${url}/app/me`)).status).toBe(401)
      const me = await fetch(`${url}/app/me`, bearer)
      expect(await me.json()).toMatchObject({ kind: "token", role: "operator" })
      const env = { GATEWAY_URL: `${url.replace("http", "ws")}/rpc`, GATEWAY_TOKEN: "example" }
      const client = await startUntil(process.execPath, ["client.ts"], /RunEnded/, env)
      await client.stop()
      const effectClient = await startUntil(process.execPath, ["effect-client.ts"], /^no session nowhere$/, env)
      await effectClient.stop()
      const attachment = await startUntil(process.execPath, ["attachment.ts"], /^http:\S+$/, env)
      await attachment.stop()
      const file = await fetch(attachment.match[0])
      expect(await file.text()).toBe(Fs.readFileSync(join(consumer, "attachment.ts"), "utf8"))
      const tool = await startUntil(process.execPath, ["tool.ts"], /^Agents have the tools .*\bdice\b/)
      await tool.stop()
      const runtime = await startUntil(process.execPath, ["runtime.ts"], /^The agent says: HELLO$/)
      await runtime.stop()
      expect(await (await fetch(`${url}/app/visits`, bearer)).json()).toEqual({ conversations: 3 })
    } finally {
      await stop()
    }
  }, 180_000)

  it("The example of a provider runs, and its model answers.", async () => {
    const { match, stop } = await startUntil(process.execPath, ["provider.ts"], /listens on (\S+)/, { PORT: "0" })
    try {
      const args = ["models", "test", "loud/caps", "--url", match[1]!, "--token", "example"]
      const { stdout } = await Package.run(consumer, join(consumer, "node_modules/.bin/causeway"), ...args)
      expect(stdout).toMatch(/^loud\/caps /)
    } finally {
      await stop()
    }
  }, 180_000)
})
