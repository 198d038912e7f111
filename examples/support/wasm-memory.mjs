/**
 * Starts a program in WebAssembly and finds its linear memory: the largest that is handed out or taken
 * meanwhile (Node's own parser may start too).
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
