/**
 * JsonSchemas: renders the contract's schemas as JSON Schemas. Named schemas become definitions, which all schemas of
 * one document share. The references of docs/protocol, `rpc.discover` (OpenRpc.ts) and OpenApi.ts use it.
 */
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

export type Json = { readonly [key: string]: unknown }

export class JsonSchemas {
  readonly #root: string
  readonly #definitions = new Map<string, Json>()

  /** `root` is the path of the definitions in the document, for example `#/$defs/`. */
  constructor(root: string) {
    this.#root = root
  }

  /** Returns the JSON Schema of a schema's encoded form, and adds the definitions that it refers to. */
  render(schema: Schema.Top): Json {
    const document = Schema.toJsonSchemaDocument(schema)
    for (const [name, definition] of Object.entries(document.definitions)) {
      this.#definitions.set(name.replace(/Encoded$/, ""), this.#relocate(definition))
    }
    return this.#relocate(document.schema)
  }

  /** Returns the definitions so far, sorted by name. */
  definitions(): Readonly<Record<string, Json>> {
    return Object.fromEntries(Array.from(this.#definitions).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  }

  #relocate(value: unknown): Json {
    return JSON.parse(
      JSON.stringify(value)
        .replaceAll('"#/$defs/', `"${this.#root}`)
        .replaceAll(/Encoded"/g, '"'),
    ) as Json
  }
}

/** Returns the tags of a union of errors, given its JSON Schema. */
export const errorsOf = (schema: Json): ReadonlyArray<string> => {
  const refs = "anyOf" in schema ? (schema["anyOf"] as ReadonlyArray<Json>) : [schema]
  return refs.flatMap((ref) => (typeof ref["$ref"] === "string" ? [ref["$ref"].split("/").at(-1)!] : []))
}

/** Returns a schema in short form: `{ key: string, limit?: integer }`. */
export const brief = (schema: Json): string => {
  if (typeof schema["$ref"] === "string") return schema["$ref"].split("/").at(-1)!
  if (Array.isArray(schema["enum"])) return schema["enum"].map((value) => JSON.stringify(value)).join(" | ")
  if (Array.isArray(schema["anyOf"])) return (schema["anyOf"] as ReadonlyArray<Json>).map(brief).join(" | ")
  if (Array.isArray(schema["allOf"]) && schema["type"] === undefined) {
    return (schema["allOf"] as ReadonlyArray<Json>).map(brief).join(" & ")
  }
  if (schema["type"] === "array") {
    const items = brief(schema["items"] as Json)
    return items.includes("|") ? `(${items})[]` : `${items}[]`
  }
  if (schema["type"] === "object") {
    const required = (schema["required"] ?? []) as ReadonlyArray<string>
    const fields = Object.entries((schema["properties"] ?? {}) as Record<string, Json>)
    const others = schema["additionalProperties"]
    const ofOthers = typeof others === "object" && others !== null ? brief(others as Json) : "{}"
    if (fields.length === 0) return ofOthers === "{}" ? "{}" : `{ [key: string]: ${ofOthers} }`
    return `{ ${fields.map(([name, field]) => `${name}${required.includes(name) ? "" : "?"}: ${brief(field)}`).join(", ")} }`
  }
  return schema["type"] === undefined ? "{}" : String(schema["type"])
}

/** Returns the one member that a client must give, or `undefined` if there is no such member or more than one. */
export const onlyRequired = (schema: Schema.Top): string | undefined => {
  const ast = SchemaAST.toEncoded(schema.ast)
  if (!SchemaAST.isObjects(ast)) return undefined
  const required = ast.propertySignatures.filter(({ type }) => !SchemaAST.isOptional(type))
  return required.length === 1 ? String(required[0]!.name) : undefined
}
