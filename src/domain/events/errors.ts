import { DomainError } from '../shared/domain-error.ts';

/** Foreign events may not pass themselves off as ours: this type is published by this service itself. */
export class ReservedEventType extends DomainError {
  static readonly code = 'events.reserved_type';
  static readonly kind = 'rule_violated';
}

/** No context here consumes events of the type that `details.type` names, so that nobody knows what may be kept of them. */
export class UnknownEventType extends DomainError {
  static readonly code = 'events.unknown_type';
  static readonly kind = 'rule_violated';
}

/** No event of this id is a dead letter of this consumer. */
export class DeadEventNotFound extends DomainError {
  static readonly code = 'events.dead_event_not_found';
  static readonly kind = 'not_found';
}
