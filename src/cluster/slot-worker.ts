/** The entry of a slot's thread: a slot whose messages come from and go to the TaskManager that started the thread. */

import { createRealWorld } from '../world/real-world.ts';
import { RealDoorbell } from '../world/doorbell.ts';
import { keepCompiled } from '../world/processes.ts';
import { threadHost } from '../world/thread-host.ts';
import type { ToSlot } from './messages.ts';
import { Slot } from './slot.ts';
import { SlotChannels } from './slot-channels.ts';
import type { SlotReady, SlotThreadInput } from './task-manager.ts';

const host = threadHost();
const input = host.input as SlotThreadInput;
const world = createRealWorld();
const doorbell = new RealDoorbell(input.bell);
const channels = new SlotChannels({
  world,
  taskManager: input.taskManager,
  slots: [input.slot],
  doorbell,
  listenAddress: input.listenAddress,
});

const slot = new Slot(
  {
    world,
    taskManager: input.taskManager,
    slot: input.slot,
    mailFlag: input.mailFlag,
    takeMail,
    doorbell,
    post: (message) => host.post(message),
    heapLimitMegabytes: input.heapMegabytes,
  },
  channels,
);

/** The flag falls before the mail is taken: a message that is posted meanwhile raises it again. */
function takeMail(): void {
  if (Atomics.exchange(input.mailFlag, 0, 0) === 0) return;
  for (let mail = host.poll(); mail !== undefined; mail = host.poll()) slot.handle(mail.message as ToSlot);
}

host.onMessage((message) => slot.handle(message as ToSlot));
const ready: SlotReady = { kind: 'ready', dataAddress: await channels.listen() };
host.post(ready);
keepCompiled();
