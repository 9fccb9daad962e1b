/** Finds the texts and lists of a schema without a limit, as paths: `topics[]`, `route.peerId`. */
import * as Schema from "effect/Schema"

type Json = { readonly [key: string]: any }

const bounded = ["maxLength", "const", "enum"]

/** Returns whether a pattern limits the length, as `^[a-z]{1,64}$` does and `^[a-z]*$` does not. */
const isBoundedPattern = (pattern: unknown): boolean => /\d\}\$$/.test(String(pattern))

export const unbounded = (schema: Schema.Top): ReadonlyArray<string> => {
  const { definitions, schema: root } = Schema.toJsonSchemaDocument(schema)
  const found = new Set<string>()
  const visit = (json: Json, path: string, limits: ReadonlyArray<Json> = []): void => {
    const own = [...limits, json, ...(json["allOf"] ?? [])]
    const has = (name: string) => own.some((part) => part[name] !== undefined)
    const target = json["$ref"]
    if (typeof target === "string") return visit(definitions[target.split("/").at(-1)!]!, path, own)
    for (const choice of [...(json["anyOf"] ?? []), ...(json["oneOf"] ?? [])]) visit(choice, path, own)
    if (json["type"] === "string" && !bounded.some(has) && !own.some(({ pattern }) => isBoundedPattern(pattern))) {
      found.add(path)
    }
    if (json["type"] === "array") {
      if (!has("maxItems") && json["items"] !== false) found.add(`${path}[]`)
      if (typeof json["items"] === "object") visit(json["items"], `${path}[]`)
    }
    for (const [name, member] of Object.entries(json["properties"] ?? {})) {
      visit(member as Json, path === "" ? name : `${path}.${name}`)
    }
  }
  visit(root, "")
  return [...found]
}
