// What gateways and SDKs call a provider, where the catalogue's own patterns would miss it or take the wrong one.
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['gemini', 'google'],
  ['google-gla', 'google'],
  ['google-vertex', 'google'],
  ['google_genai', 'google'],
  ['vertex', 'google'],
  ['vertex_ai', 'google'],
  ['vertexai', 'google'],
  ['bedrock', 'aws'],
  ['bedrock_converse', 'aws'],
  ['amazon', 'aws'],
  ['amazon-bedrock', 'aws'],
  ['aws-bedrock', 'aws'],
  ['azure_ai', 'azure'],
  ['azure-ai', 'azure'],
  ['azure_openai', 'azure'],
  ['azure-openai', 'azure'],
  ['claude', 'anthropic'],
  ['cohere_chat', 'cohere'],
  ['fireworks_ai', 'fireworks'],
  ['fireworks-ai', 'fireworks'],
  ['together_ai', 'together'],
  ['together-ai', 'together'],
  ['togetherai', 'together'],
  ['github_copilot', 'github-copilot'],
  ['mistralai', 'mistral'],
  ['moonshot', 'moonshotai'],
  ['voyage', 'voyageai'],
  ['xai', 'x-ai'],
])

// Gateways that say nothing about who answered: the model name has to.
const SILENT: ReadonlySet<string> = new Set(['litellm', 'litellm_proxy'])

/** The one spelling under which a provider's prices are kept; undefined when no provider is named. */
export function providerName(given: string | undefined): string | undefined {
  const name = given?.trim().toLowerCase()
  if (!name || SILENT.has(name)) return undefined
  return ALIASES.get(name) ?? name
}

export type NamedModel = { readonly provider?: string; readonly model: string }

/**
 * Separates 'gemini/gemini-2.5-pro' into google and gemini-2.5-pro. A prefix counts only if `isProvider` knows it and
 * it does not contradict the named provider: openrouter's 'openai/gpt-5.4' stays whole, it is that shop's own name.
 */
export function namedModel(provider: string | undefined, model: string, isProvider: (name: string) => boolean): NamedModel {
  const named = providerName(provider)
  const whole = model.trim().toLowerCase()
  const slash = whole.indexOf('/')
  const prefix = slash > 0 ? providerName(whole.slice(0, slash)) : undefined
  const rest = whole.slice(slash + 1)
  if (prefix !== undefined && rest !== '' && isProvider(prefix) && (named === undefined || named === prefix))
    return { provider: prefix, model: rest }
  return named === undefined ? { model: whole } : { provider: named, model: whole }
}
