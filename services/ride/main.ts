import { runService } from '#kit/service/open.ts';
import { services } from '../registry.ts';

await runService(services.ride);
