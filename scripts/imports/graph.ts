/** The first cycle through each strongly tied group of files, as a path that ends where it began. */
export const cycles = (edges: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] => {
  const found: string[][] = []
  const done = new Set<string>()
  const path: string[] = []
  const visit = (file: string): void => {
    const seenAt = path.indexOf(file)
    if (seenAt >= 0) found.push([...path.slice(seenAt), file])
    if (seenAt >= 0 || done.has(file)) return
    path.push(file)
    for (const next of edges.get(file) ?? []) visit(next)
    path.pop()
    done.add(file)
  }
  for (const file of [...edges.keys()].sort()) visit(file)
  return found
}
