import { SampleService } from '#gen/proto/signet/sample/v1/sample_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import type { BuiltService, ServiceDeps } from '#kit/service/service.ts';
import { createNotes } from './domain/notes.ts';
import { sampleHandler } from './handler/sample.ts';
import type { sample } from './service.ts';
import { createNoteStore } from './store/notes.ts';

/** Wires the sample service. */
export function build({ database }: ServiceDeps<typeof sample>): BuiltService {
  const notes = createNotes(createNoteStore(database.statements));
  return { mounted: [mount(SampleService, sampleHandler(notes))] };
}
