import { chaosOn } from '../support/chaos-scenarios.ts';

chaosOn(2);
