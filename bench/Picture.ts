/** Draws the results as results.svg. The colours follow the reader's light or dark theme. */
import { isOurs, ratioOf, type Result, verdictOf } from "./Compare.ts"
import { isComparison, isSingle, withUnit } from "./Report.ts"

const WIDTH = 860
const LEFT = 330
const RIGHT = 110
const BAR = 13
const GAP = 14

/** The colour of each server. All wires of the gateway have the last one. */
const KINDS: Readonly<Record<string, number>> = { "plain ws": 0, bun: 1, "socket.io": 2, "effect/rpc": 3 }
const OURS = 4

/** A longer bar is cut, so that the others stay readable. */
const LONGEST = 5

/** The picture has its own background, because a page may be light on a dark system. Texts have a halo over the lines. */
const style = `
  .page { fill: #ffffff }
  text { font: 12px system-ui, sans-serif; fill: #1f2328; stroke: #ffffff; stroke-width: 4px; paint-order: stroke }
  .small { font-size: 11px; fill: #59636e }
  .axis { stroke: #d1d9e0 }
  .goal { stroke: #cf222e; stroke-width: 2 }
  .t0 { fill: #c4cbd3 } .t1 { fill: #afb8c1 } .t2 { fill: #9aa4af } .t3 { fill: #7d8894 } .t4 { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 }
    text { fill: #f0f6fc; stroke: #0d1117 }
    .small { fill: #9198a1 }
    .axis { stroke: #3d444d }
    .goal { stroke: #f85149 }
    .t0 { fill: #4a525c } .t1 { fill: #58616b } .t2 { fill: #656e79 } .t3 { fill: #828c98 } .t4 { fill: #4493f8 }
  }`

const escaped = (text: string): string => text.replaceAll("`", "").replaceAll("&", "&amp;").replaceAll("<", "&lt;")

/** A picture that grows downwards. Texts lie above the shapes. */
class Sheet {
  readonly #shapes: Array<string> = []
  readonly #texts: Array<string> = []
  y = 0

  text(x: number, text: string, options = ""): void {
    this.#texts.push(
      `<text x="${x.toFixed(1)}" y="${(this.y + BAR - 3).toFixed(1)}" ${options}>${escaped(text)}</text>`,
    )
  }

  bar(length: number, kind: number): void {
    this.#shapes.push(
      `<rect class="t${kind}" x="${LEFT}" y="${this.y}" width="${length.toFixed(1)}" height="${BAR - 2}" rx="2"/>`,
    )
  }

  line(x: number, from: number, to: number, kind: string): void {
    this.#shapes.push(`<line class="${kind}" x1="${x.toFixed(1)}" x2="${x.toFixed(1)}" y1="${from}" y2="${to}"/>`)
  }

  toString(): string {
    return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${this.y}" width="${WIDTH}" role="img" aria-label="Results of the bench: what the gateway costs beside other servers">
<style>${style}
</style>
<rect class="page" width="${WIDTH}" height="${this.y}" rx="6"/>
${[...this.#shapes, ...this.#texts].join("\n")}
</svg>
`
  }
}

const compared = (sheet: Sheet, results: ReadonlyArray<Result>): void => {
  const ratios = results.flatMap((result) => result.figures.map(({ target }) => ratioOf(result, target) ?? 0))
  const scale = (WIDTH - LEFT - RIGHT) / Math.min(LONGEST, Math.max(...ratios))
  const top = sheet.y
  for (const result of results) {
    const [floor] = result.figures
    const from = sheet.y
    sheet.text(LEFT - 10, result.work, `text-anchor="end"`)
    sheet.y += BAR
    sheet.text(LEFT - 10, `plain ws: ${withUnit(floor!.value, result.unit)}`, `text-anchor="end" class="small"`)
    sheet.y = from
    for (const figure of result.figures) {
      const { target } = figure
      const ratio = ratioOf(result, target)!
      const length = Math.min(LONGEST, ratio) * scale
      const { goal, isRatio } = verdictOf(result, figure)
      sheet.bar(length, isOurs(target) ? OURS : (KINDS[target] ?? OURS))
      sheet.text(LEFT + length + 5, `${ratio.toFixed(2)} ${target}`, `class="small"`)
      if (goal !== undefined) {
        const x = LEFT + (isRatio ? goal : goal / floor!.value) * scale
        sheet.line(x, sheet.y - 2, sheet.y + BAR - 2, "goal")
      }
      sheet.y += BAR
    }
    sheet.y += GAP
  }
  sheet.line(LEFT + scale, top - 4, sheet.y - GAP + 2, "axis")
}

const alone = (sheet: Sheet, results: ReadonlyArray<Result>): void => {
  const scale = (WIDTH - LEFT - RIGHT) * 0.6
  for (const result of results) {
    const { goal, measured } = verdictOf(result, result.figures[0]!)
    sheet.text(LEFT - 10, result.work, `text-anchor="end"`)
    const length = goal === undefined ? 0 : Math.min(1.6, measured / goal) * scale
    sheet.bar(length, OURS)
    const of = goal === undefined ? "" : ` of ${goal}`
    sheet.text(
      LEFT + Math.max(length, goal === undefined ? 0 : scale) + 6,
      `${withUnit(measured, result.unit)}${of}`,
      `class="small"`,
    )
    if (goal !== undefined) sheet.line(LEFT + scale, sheet.y - 2, sheet.y + BAR, "goal")
    sheet.y += BAR + 8
  }
}

export const picture = (results: ReadonlyArray<Result>): string => {
  const sheet = new Sheet()
  sheet.y = 14
  sheet.text(LEFT, "times what plain ws takes; the red lines are the goals of causeway")
  sheet.y += BAR + GAP
  compared(sheet, results.filter(isComparison))
  sheet.y += GAP
  sheet.text(LEFT, "the gateway by itself, against its goal")
  sheet.y += BAR + GAP
  alone(sheet, results.filter(isSingle))
  sheet.y += GAP
  return String(sheet)
}
