/** Curl: the curl commands of a page, and their requests without the program curl. */
import { readFileSync } from "node:fs"
import { basename, join } from "node:path"

export interface CurlCommand {
  readonly text: string
  readonly url: string
  readonly init: RequestInit
}

/** Splits a command into words, as a shell does with these quotes. */
const wordsOf = (command: string): ReadonlyArray<string> =>
  Array.from(command.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g), ([word]) =>
    word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2"),
  )

const formOf = (fields: ReadonlyArray<string>, folder: string): FormData => {
  const form = new FormData()
  for (const field of fields) {
    const [name = "", value = ""] = field.split(/=(.*)/s)
    if (!value.startsWith("@")) form.append(name, value)
    else form.append(name, new Blob([readFileSync(join(folder, value.slice(1)))]), basename(value))
  }
  return form
}

/** Returns the request of a command. Throws for an option that it does not know. `folder`: of the files in `-F`. */
const requestOf = (command: string, folder: string): CurlCommand => {
  const headers = new Headers()
  const fields: Array<string> = []
  let [url, body, method]: Array<string | undefined> = []
  const words = wordsOf(command).slice(1).values()
  for (const word of words) {
    const value = () => words.next().value ?? ""
    if (word === "-N") continue
    else if (word === "-X") method = value()
    else if (word === "-F") fields.push(value())
    else if (word === "-d") body = value()
    else if (word === "-H") {
      const [name = "", text = ""] = value().split(/:\s*(.*)/s)
      headers.set(name, text)
    } else if (url === undefined && !word.startsWith("-")) url = word
    else throw new Error(`unknown option ${word} in: ${command}`)
  }
  // curl sends a body as a form unless a header names another type.
  if (body !== undefined && !headers.has("content-type")) {
    headers.set("content-type", "application/x-www-form-urlencoded")
  }
  const sent = fields.length > 0 ? formOf(fields, folder) : body
  const init = {
    method: method ?? (sent === undefined ? "GET" : "POST"),
    headers,
    ...(sent !== undefined && { body: sent }),
  }
  return { text: command, url: url ?? "", init }
}

/** Returns the commands of a page, which begin their lines. `replace`: parts of the page and what stands for them. */
export const commandsIn = (
  page: string,
  replace: ReadonlyArray<readonly [part: string, by: string]>,
  folder: string,
): ReadonlyArray<CurlCommand> => {
  const commands: Array<string> = []
  let isOpen = false
  for (const line of page.split("\n")) {
    if (isOpen) commands.push(`${commands.pop()}\n${line}`)
    else if (line.startsWith("curl ")) commands.push(line)
    else continue
    const quotes = commands.at(-1)!.match(/'/g)?.length ?? 0
    isOpen = line.endsWith("\\") || quotes % 2 === 1
  }
  return commands.map((command) => {
    const filled = replace.reduce((text, [part, by]) => text.replaceAll(part, by), command)
    return requestOf(filled.replaceAll("\\\n", " "), folder)
  })
}
