const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/

/** The trace id of a W3C `traceparent`; undefined for one that the recommendation tells to ignore. Source: W3C Trace Context, section 3.2. */
export const traceIdOf = (header: string | string[] | undefined): string | undefined => {
  if (typeof header !== 'string') return undefined
  const [, version, traceId, parentId, rest] = TRACEPARENT.exec(header) ?? []
  if (version === undefined || traceId === undefined || version === 'ff' || (version === '00' && rest !== undefined))
    return undefined
  return /^0+$/.test(traceId) || /^0+$/.test(parentId ?? '') ? undefined : traceId
}
