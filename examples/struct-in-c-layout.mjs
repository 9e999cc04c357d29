// A C struct in memory that C could read: Layout.struct gives the offsets, a DataView the fields.
//   node examples/struct-in-c-layout.mjs
//
//   struct particle { uint8_t kind; double position[3]; uint16_t charge; };

import { endianness } from 'node:os'
import { cAllocator, Layout } from 'offheap'

const Particle = Layout.struct({
  kind: Layout.u8,
  position: Layout.array(Layout.f64, 3),
  charge: Layout.u16,
})
// C pads `kind` to 8 bytes, and the end so that an array of particles stays aligned.
console.log(Particle.size, Particle.align) // prints 40 8
console.log({ ...Particle.offsets }) // prints { kind: 0, position: 8, charge: 32 }

// C reads numbers in the byte order of the machine. A DataView has to be told.
const little = endianness() === 'LE'

const particles = cAllocator.allocZeroed(Layout.array(Particle, 100))
const { buffer, byteOffset, byteLength } = particles.bytes
const view = new DataView(buffer, byteOffset, byteLength)

const third = 2 * Particle.size
view.setUint8(third + Particle.offsets.kind, 7)
view.setUint16(third + Particle.offsets.charge, 500, little)
for (let axis = 0; axis < 3; axis++) {
  view.setFloat64(third + Particle.offsets.position + axis * Layout.f64.size, axis / 2, little)
}

// What C gets is the address: particles.ptr is a number, particles.address a bigint.
console.log(particles.ptr % Particle.align, typeof particles.address) // prints 0 bigint
// The same bytes as doubles: `position` of the third particle starts at double (2 * 40 + 8) / 8.
console.log(particles.as(Float64Array).subarray(11, 14).join(' ')) // prints 0 0.5 1

particles.free()
