/**
 * ControlUiFiles: which file of the Control UI's folder a path asks for. A file is served only from within the folder:
 * no dot files, and no links that lead outside. The page has several segments in its addresses (`/chat/main`), so
 * index.html stands for every path that does not look like a file.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"

/** A path with one of these is a file, and never the page. */
const STATIC =
  /\.(?:avif|css|eot|gif|html?|ico|jpe?g|js|json|map|mjs|mp3|mp4|ogg|otf|pdf|png|svg|ttf|txt|wasm|wav|webm|webmanifest|webp|woff2?|xml)$/i

export type Asked =
  | { readonly _tag: "Page" }
  | { readonly _tag: "File"; readonly name: string }
  | { readonly _tag: "Nothing" }

const page: Asked = { _tag: "Page" }
const nothing: Asked = { _tag: "Nothing" }

const decode = (path: string): string | undefined => {
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}

/** Returns what a path asks for. A path that contains `/assets/` asks for that asset, below whatever page it is. */
export const askedBy = (path: string): Asked => {
  const decoded = decode(path)
  if (decoded === undefined || decoded.includes("\0") || decoded.includes("\\")) return nothing
  const segments = decoded.split("/").filter((segment) => segment !== "")
  if (segments.some((segment) => segment.startsWith("."))) return nothing
  const asset = segments.indexOf("assets")
  if (asset !== -1 && asset < segments.length - 1) return { _tag: "File", name: segments.slice(asset).join("/") }
  const last = segments.at(-1)
  if (last === undefined || segments.join("/") === "index.html" || !STATIC.test(last)) return page
  return { _tag: "File", name: segments.join("/") }
}

/** Returns the page with its files named from the root, so that it works at addresses of any depth. */
export const rooted = (html: string, basePath: string): string =>
  html
    .replaceAll(/\b(src|href)="\.\//g, `$1="${basePath}/`)
    .replace(/<html[^<>]*/i, (tag) =>
      /\sdata-openclaw-control-ui-base-path/i.test(tag)
        ? tag
        : `${tag.slice(0, "<html".length)} data-openclaw-control-ui-base-path="${basePath}"${tag.slice("<html".length)}`,
    )

/** Finds files of the folder by name. Returns the real path, or `undefined` if there is no such file within the folder. */
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
