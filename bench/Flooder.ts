/**
 * A client that writes calls as fast as its socket takes them, on a thread of its own, so that it does not delay the load
 * generator. Isolation.ts starts it and ends its thread.
 */
import { workerData } from "node:worker_threads"
import { call } from "./Look.ts"
import { Line } from "./Line.ts"
import { rpc } from "./wires/Rpc.ts"

/** Calls in one write. */
const BLOCK = 100

const { port, token } = workerData as { readonly port: number; readonly token: string }
const line = await Line.open(port, rpc(token).upgrade)
const block = Buffer.concat(Array.from({ length: BLOCK }, () => call("ping").block))
await line.flood(block)
