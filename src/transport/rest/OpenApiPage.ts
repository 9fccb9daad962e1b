/**
 * OpenApiPage: the methods of Rest.ts as a page for people. The page is plain HTML: it has no scripts and loads nothing.
 * OpenApiRoutes.ts serves it.
 */
import { createHash } from "node:crypto"
import { VERSION } from "../../domain/Version.ts"
import { brief, type Json } from "../dialect/JsonSchemas.ts"
import type { Operation } from "../dialect/Operations.ts"
import { operations } from "./OpenApi.ts"
import { PREFIX } from "./Rest.ts"

const STYLE = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
code{font:14px/1.5 ui-monospace,monospace;overflow-wrap:anywhere}section{border-top:1px solid #8888;margin-top:1.5rem}
dl{display:grid;grid-template-columns:6rem 1fr;gap:.25rem 1rem;margin:0}dd{margin:0}h2{font-size:1.1rem}`

/** Allows the page its own style and nothing else. */
export const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ")

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" }

const escape = (text: string): string => text.replace(/[&<>"]/g, (character) => escapes[character]!)

const code = (text: string): string => `<code>${escape(text)}</code>`

const row = (name: string, value: string): string => `<dt>${name}</dt><dd>${value}</dd>`

const typeLink = (name: string): string => `<a href="#${escape(name)}">${code(name)}</a>`

const section = ({ errors, name, payload, result, scope, streams, summary }: Operation): string =>
  [
    `<section id="${escape(name)}"><h2>${code(`POST ${PREFIX}/${name}`)}</h2><p>${escape(summary)}</p><dl>`,
    row("scope", scope === undefined ? "none" : code(scope)),
    row("payload", code(brief(payload))),
    row(streams ? "streams" : "result", code(brief(result))),
    errors.length === 0 ? "" : row("errors", errors.map(typeLink).join(", ")),
    "</dl></section>",
  ].join("")

const types = (definitions: Json): string =>
  Object.entries(definitions)
    .map(([name, schema]) => `<dt id="${escape(name)}">${code(name)}</dt><dd>${code(brief(schema as Json))}</dd>`)
    .join("")

/** Returns the page. `basePath`: the prefix of all routes of the gateway. */
export const openApiPage = (basePath: string): string => {
  const { definitions, operations: all } = operations()
  const example = `curl -H "Authorization: Bearer $GATEWAY_TOKEN" -H "Content-Type: application/json" -d '{"limit":10}' <gateway>${basePath}${PREFIX}/sessions.list`
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Causeway gateway: methods</title><style>${STYLE}</style></head><body>
<h1>Methods of the gateway ${escape(VERSION)}</h1>
<p>Programs read <a href="${escape(basePath)}/api/openapi.json">openapi.json</a>. Each method takes and returns JSON:</p>
<p>${code(example)}</p>
<p>${all.map(({ name }) => `<a href="#${escape(name)}">${code(name)}</a>`).join(" ")}</p>
${all.map(section).join("\n")}
<section><h2>Types</h2><dl>${types(definitions)}</dl></section>
</body></html>
`
}
