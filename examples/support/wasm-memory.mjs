/**
 * Start a WebAssembly program and return its linear memory: the largest one that is imported or exported
 * while it starts (Node's own parser may start at the same time).
 */
export async function withMemory(start) {
  const { instantiate } = WebAssembly;
  const memories = [];
  WebAssembly.instantiate = async (...args) => {
    const result = await instantiate(...args);
    const imported = Object.values(args[1] ?? {}).flatMap((names) => Object.values(names));
    const exported = Object.values((result.instance ?? result).exports);
    memories.push(...[...imported, ...exported].filter((value) => value instanceof WebAssembly.Memory));
    return result;
  };
  try {
    const program = await start();
    return { program, memory: memories.sort((a, b) => b.buffer.byteLength - a.buffer.byteLength)[0] };
  } finally {
    WebAssembly.instantiate = instantiate;
  }
}
