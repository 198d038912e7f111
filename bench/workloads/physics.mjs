// A physics simulation: Rapier, compiled to WebAssembly, with falling boxes and balls. Its memory is mostly
// floating-point numbers, which all change while bodies move.
import RAPIER from '@dimforge/rapier3d-compat';
import { withMemory } from '../../examples/support/wasm-memory.mjs';

/** Bodies for about 48 MiB of memory. */
const BODIES = 12_000;
const STEPS = 12;

export const physics = {
  name: 'physics',
  description: 'Rapier in WebAssembly: thousands of bodies that fall, collide and come to rest',
  async *images({ mebibytes = 64 } = {}) {
    const { memory } = await withMemory(() => RAPIER.init());
    const world = new RAPIER.World({ x: 0, y: -9.81, z: 0 });
    try {
      build(world, Math.round((BODIES * mebibytes) / 64));
      for (const name of ['falling', 'colliding', 'settling']) {
        for (let step = 0; step < STEPS; step++) world.step();
        yield { name, bytes: new Uint8Array(memory.buffer.slice(0)) };
      }
    } finally {
      world.free();
    }
  },
};

/** Build towers side by side; every other body is a ball. */
function build(world, bodies) {
  world.createCollider(RAPIER.ColliderDesc.cuboid(200, 0.5, 200));
  const side = Math.ceil(Math.sqrt(bodies / 12));
  for (let i = 0; i < bodies; i++) {
    const column = i % (side * side);
    const [x, z] = [column % side, Math.floor(column / side)];
    const height = 1.2 + 1.15 * Math.floor(i / (side * side));
    const body = RAPIER.RigidBodyDesc.dynamic().setTranslation(
      2.1 * (x - side / 2) + (i % 7) / 20,
      height,
      2.1 * (z - side / 2),
    );
    const shape = i % 2 ? RAPIER.ColliderDesc.ball(0.5) : RAPIER.ColliderDesc.cuboid(0.5, 0.5, 0.5);
    world.createCollider(shape, world.createRigidBody(body));
  }
}
