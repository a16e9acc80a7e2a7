import type { Templates } from './template.ts';

/** English. */
export const en: Templates = {
  hello: 'Hello {name},',
  helloUnnamed: 'Hello,',
  footer: 'You receive this mail because of your account at {site}.',
  kinds: {
    welcome: { title: 'Welcome', body: 'Your account is ready.' },
    email_verification: {
      title: 'Verify your address',
      body: 'A mail with a link was sent to verify your email address.',
      mail: [
        'An account at {site} was registered with this email address. Its holder, from the network address {address}, asked to verify it. If that was you, follow the link below within 30 minutes and enter the password of your account, or open it where you are signed in.',
        'If it was not you, do not follow the link: the address stays unverified. To take the account away from the person who registered it, ask for a new password at {site}.',
      ],
      action: 'Verify this address',
    },
    password_reset: {
      title: 'Set a new password',
      body: 'A mail with a link was sent to set a new password.',
      mail: [
        'A request from the network address {address} asked for a new password of your account at {site}. The link below sets it, once, within 30 minutes.',
        'If it was not you, do nothing: your password stays as it is.',
      ],
      action: 'Set a new password',
    },
    password_changed: {
      title: 'Your password was changed',
      body: 'The password of your account was changed, and other sessions were ended. If it was not you, ask for a new password at once.',
    },
    new_sign_in: {
      title: 'New sign-in to your account',
      body: 'Your account was used on a device and network that it had not been used on before. If it was not you, change your password.',
    },
    refresh_reuse: {
      title: 'A session was ended for your security',
      body: 'A token of one of your sessions was used twice, so the session was ended. Someone else may have had it: sign in again, and change your password if you do not know why.',
    },
    mfa_changed: {
      title: 'Your second factors were changed',
      body: 'A second factor of your account was added or removed. If it was not you, change your password at once.',
    },
    order_confirmed: { title: 'Order confirmed', body: 'Your order {order_id} is confirmed. Total: {total}.' },
    order_cancelled: {
      title: 'Order cancelled',
      body: 'Your order {order_id} was cancelled. You were not charged.',
    },
    order_shipped: { title: 'Order shipped', body: 'Your order {order_id} is on its way.' },
    order_delivered: { title: 'Order delivered', body: 'Your order {order_id} was delivered.' },
    order_refunded: { title: 'Order refunded', body: 'Your order {order_id} was refunded. Total: {total}.' },
    payment_failed: { title: 'Payment failed', body: 'A payment of {amount} was declined.' },
    ride_accepted: { title: 'Ride accepted', body: 'A raider accepted your ride {ride_id}.' },
    ride_completed: { title: 'Ride completed', body: 'Your ride {ride_id} is completed. Fare: {fare}.' },
    ride_cancelled: { title: 'Ride cancelled', body: 'Your ride {ride_id} was cancelled.' },
    ride_expired: { title: 'No raider found', body: 'No raider accepted your ride {ride_id} in time.' },
  },
};
