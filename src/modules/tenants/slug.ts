/** What a slug looks like: lower-case words joined by single hyphens, fit for a host name. */
export const SLUG_PATTERN = '^[a-z0-9]+(-[a-z0-9]+)*$'
export const MAX_SLUG = 63

/** 'Café Zürich, Inc.' → 'cafe-zurich-inc'; a name without a Latin letter or digit gives 'tenant'. */
export const slugOf = (name: string): string =>
  name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 50)
    .replace(/-+$/, '') || 'tenant'

/** The derived slug, made unique by the end of the tenant's id where another tenant has it. */
export const slugCandidates = (name: string, id: string): readonly string[] => {
  const slug = slugOf(name)
  return [slug, `${slug}-${id.slice(-6)}`, `${slug}-${id.slice(-12)}`]
}
