/**
 * Converts stored events of bindings: they now carry the change instead of the whole list. An old event becomes one that
 * sets its whole list.
 */
export default `
  UPDATE events
    SET event = json_object('_tag', 'BindingsChanged', 'set', event -> '$.bindings', 'removed', json('[]'))
    WHERE session_key IS NULL AND event ->> '$._tag' = 'BindingsChanged'
`
