/** Counts the turns of the event loop while an effect runs. The count shows that the effect lets other work run. */
import * as Effect from "effect/Effect"

export const loopTurnsDuring = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    let turns = 0
    let isOver = false
    const count = (): void => {
      turns++
      if (!isOver) setImmediate(count)
    }
    setImmediate(count)
    return Effect.map(effect, (value) => {
      isOver = true
      return { turns, value }
    })
  })
