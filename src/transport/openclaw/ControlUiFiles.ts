/**
 * ControlUiFiles: maps paths to files of the Control UI's folder. It serves no dot files and no links that lead out of
 * the folder. Addresses of the page have several segments (`/chat/main`), so every path that does not look like a file
 * stands for index.html. ControlUi.ts uses it.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"

/** A path with one of these extensions is a file, never the page. */
const STATIC =
  /\.(?:avif|css|eot|gif|html?|ico|jpe?g|js|json|map|mjs|mp3|mp4|ogg|otf|pdf|png|svg|ttf|txt|wasm|wav|webm|webmanifest|webp|woff2?|xml)$/i

export type Target =
  | { readonly _tag: "Page" }
  | { readonly _tag: "File"; readonly name: string }
  | { readonly _tag: "NotFound" }

const page: Target = { _tag: "Page" }
const notFound: Target = { _tag: "NotFound" }

const decode = (path: string): string | undefined => {
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}

/** Returns the target of a path. A path with `/assets/` in it names that asset, because pages use relative addresses. */
export const targetOf = (path: string): Target => {
  const decoded = decode(path)
  if (decoded === undefined || decoded.includes("\0") || decoded.includes("\\")) return notFound
  const segments = decoded.split("/").filter((segment) => segment !== "")
  if (segments.some((segment) => segment.startsWith("."))) return notFound
  const asset = segments.indexOf("assets")
  if (asset !== -1 && asset < segments.length - 1) return { _tag: "File", name: segments.slice(asset).join("/") }
  const last = segments.at(-1)
  if (last === undefined || segments.join("/") === "index.html" || !STATIC.test(last)) return page
  return { _tag: "File", name: segments.join("/") }
}

/** Makes the addresses of the page's files absolute, so that the page works at addresses of any depth. */
export const rooted = (html: string, basePath: string): string =>
  html
    .replaceAll(/\b(src|href)="\.\//g, `$1="${basePath}/`)
    .replace(/<html[^<>]*/i, (tag) =>
      /\sdata-openclaw-control-ui-base-path/i.test(tag)
        ? tag
        : `${tag.slice(0, "<html".length)} data-openclaw-control-ui-base-path="${basePath}"${tag.slice("<html".length)}`,
    )

/** Returns a function that finds the real path of a file by name, or `undefined` if the folder has no such file. */
export const make = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = yield* fs.realPath(folder)

  return Effect.fnUntraced(
    function* (name: string) {
      const real = yield* fs.realPath(path.join(root, name))
      const within = path.relative(root, real)
      const isWithin =
        within !== "" && !path.isAbsolute(within) && !within.split(path.sep).some((part) => part.startsWith("."))
      if (!isWithin || (yield* fs.stat(real)).type !== "File") return undefined
      return { path: real, name: within.split(path.sep).join("/") }
    },
    Effect.orElseSucceed(() => undefined),
  )
})
