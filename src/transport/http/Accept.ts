/**
 * Accept: chooses the media type of a response by the header `Accept` (RFC 9110 12.5.1). Pure. Rest.ts and Sse.ts use it.
 */

interface Range {
  /** E.g. `text/event-stream`, `text/*` or `*` + `/*`. */
  readonly type: string
  readonly quality: number
}

/** A longer header is the work of no client. Its rest is ignored. */
const MAX_CHARS = 1_024

const rangeOf = (part: string): Range => {
  const [type = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase())
  const weight = parameters.find((parameter) => parameter.startsWith("q="))
  const quality = weight === undefined ? 1 : Number(weight.slice(2))
  return { type, quality: Number.isFinite(quality) ? quality : 0 }
}

/** Returns the quality of the most specific range that covers the type, or 0. */
const qualityOf = (type: string, ranges: ReadonlyArray<Range>): number => {
  const group = `${type.slice(0, type.indexOf("/"))}/*`
  for (const name of [type, group, "*/*"]) {
    const range = ranges.find((range) => range.type === name)
    if (range !== undefined) return range.quality
  }
  return 0
}

/** Returns the offered type that the client prefers, the first of equals, or `undefined` if the client takes no offer. */
export const preferred = <Type extends string>(
  accept: string | undefined,
  offers: ReadonlyArray<Type>,
): Type | undefined => {
  if (accept === undefined || accept.trim() === "") return offers[0]
  const ranges = accept.slice(0, MAX_CHARS).split(",").map(rangeOf)
  let best: Type | undefined
  let quality = 0
  for (const offer of offers) {
    const offered = qualityOf(offer, ranges)
    if (offered > quality) [best, quality] = [offer, offered]
  }
  return best
}
