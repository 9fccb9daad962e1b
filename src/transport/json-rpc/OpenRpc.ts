/**
 * OpenRpc: makes the OpenRPC document (https://spec.open-rpc.org, 1.3.2) from the schemas of the contract and of this
 * dialect's own methods. `rpc.discover` (Methods.ts) returns it.
 */
import { VERSION } from "../../domain/Version.ts"
import { type Method, SUBSCRIBE } from "../dialect/DialectMethod.ts"
import { type Json, JsonSchemas } from "../dialect/JsonSchemas.ts"
import { type MethodCodec, methodCodecs } from "../dialect/MethodCodecs.ts"
import { operationOf } from "../dialect/Operations.ts"
import { codes } from "./Errors.ts"

const DESCRIPTION = `Every method of the contract also has a name with the prefix "gateway.". This document omits that name if the name \
without the prefix means the same method. A method with one required parameter accepts it by position; all other parameters go by name. \
The gateway sends items of streams as notifications "$/item".`

const ROOT = "#/components/schemas/"

const NOTHING: Json = { type: "null" }

const object = (properties: Readonly<Record<string, Json>>): Json => ({
  type: "object",
  properties,
  required: Object.keys(properties),
})

interface Described {
  readonly summary: string
  readonly scope?: string | undefined
  readonly params: Json
  readonly result: Json
  /** The schema of each value of a stream. */
  readonly item?: Json | undefined
  readonly errors?: ReadonlyArray<string>
}

/** Returns a descriptor for each parameter. The specification requires the required ones first. */
const paramsOf = ({ properties = {}, required = [] }: Json) => {
  const names = new Set(required as ReadonlyArray<string>)
  return Object.entries(properties as Readonly<Record<string, Json>>)
    .map(([name, schema]) => ({ name, required: names.has(name), schema }))
    .toSorted((a, b) => Number(b.required) - Number(a.required))
}

const methodOf = (name: string, { errors = [], item, params, result, scope, summary }: Described) => ({
  name,
  summary,
  paramStructure: "either",
  params: paramsOf(params),
  result: { name: "result", schema: result },
  errors: errors.map((_tag) => ({ code: codes.failed, message: _tag, data: { _tag } })),
  ...(scope !== undefined && { "x-scope": scope }),
  ...(item !== undefined && { "x-item": item }),
})

class Describer {
  readonly schemas = new JsonSchemas(ROOT)

  contract(codec: MethodCodec): Described {
    const { errors, payload, result, scope, streams, summary } = operationOf(this.schemas, codec)
    const value = streams ? { result: NOTHING, item: result } : { result }
    return { summary, scope, params: payload, errors, ...value }
  }

  describe(method: Method): Described {
    switch (method._tag) {
      case "Contract":
        return this.contract(method.codec)
      case "Own": {
        const { about, params } = method
        const result = about === undefined ? {} : this.schemas.render(about.result)
        return { summary: about?.summary ?? "", params: this.schemas.render(params), result }
      }
      case "Subscribe":
        return {
          ...this.contract(methodCodecs.get(SUBSCRIBE)!),
          result: object({ subscription: { type: "string" } }),
        }
      case "Unsubscribe":
        return {
          summary: "Ends a subscription.",
          params: object({ subscription: { type: "string" } }),
          result: object({ unsubscribed: { type: "boolean" } }),
        }
    }
  }
}

/** Returns the document. A name with `prefix` always means the contract's method. */
export const openRpc = (methods: ReadonlyMap<string, Method>, prefix: string): Json => {
  const describer = new Describer()
  const shown = [...methods].filter(
    ([name, method]) => !name.startsWith(prefix) || methods.get(name.slice(prefix.length)) !== method,
  )
  return {
    openrpc: "1.3.2",
    info: { title: "Causeway gateway", version: VERSION, description: DESCRIPTION, license: { name: "MIT" } },
    methods: shown
      .map(([name, method]) => methodOf(name, describer.describe(method)))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    components: { schemas: describer.schemas.definitions() },
  }
}
