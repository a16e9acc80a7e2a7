import type { Templates } from './template.ts';

/** German. */
export const de: Templates = {
  hello: 'Guten Tag {name},',
  helloUnnamed: 'Guten Tag,',
  footer: 'Sie erhalten diese E-Mail wegen Ihres Kontos bei {site}.',
  kinds: {
    welcome: { title: 'Willkommen', body: 'Ihr Konto ist bereit.' },
    email_verification: {
      title: 'Adresse bestätigen',
      body: 'Eine E-Mail mit einem Link zur Bestätigung Ihrer Adresse wurde gesendet.',
      mail: [
        'Ein Konto bei {site} wurde mit dieser E-Mail-Adresse angelegt. Sein Inhaber, mit der Netzwerkadresse {address}, hat um die Bestätigung gebeten. Wenn Sie das waren, folgen Sie innerhalb von 30 Minuten dem Link und geben Sie das Passwort Ihres Kontos ein, oder öffnen Sie ihn dort, wo Sie angemeldet sind.',
        'Wenn Sie es nicht waren, folgen Sie dem Link nicht: die Adresse bleibt unbestätigt. Um das Konto zu übernehmen, fordern Sie bei {site} ein neues Passwort an.',
      ],
      action: 'Adresse bestätigen',
    },
    password_reset: {
      title: 'Neues Passwort setzen',
      body: 'Eine E-Mail mit einem Link für ein neues Passwort wurde gesendet.',
      mail: [
        'Von der Netzwerkadresse {address} wurde ein neues Passwort für Ihr Konto bei {site} angefordert. Der Link setzt es, einmal, innerhalb von 30 Minuten.',
        'Wenn Sie es nicht waren, tun Sie nichts: Ihr Passwort bleibt, wie es ist.',
      ],
      action: 'Neues Passwort setzen',
    },
    password_changed: {
      title: 'Ihr Passwort wurde geändert',
      body: 'Das Passwort Ihres Kontos wurde geändert, andere Sitzungen wurden beendet. Wenn Sie es nicht waren, fordern Sie sofort ein neues Passwort an.',
    },
    new_sign_in: {
      title: 'Neue Anmeldung bei Ihrem Konto',
      body: 'Ihr Konto wurde auf einem Gerät und in einem Netzwerk benutzt, die ihm neu sind. Wenn Sie es nicht waren, ändern Sie Ihr Passwort.',
    },
    refresh_reuse: {
      title: 'Eine Sitzung wurde zu Ihrer Sicherheit beendet',
      body: 'Ein Token einer Ihrer Sitzungen wurde zweimal benutzt, deshalb wurde sie beendet. Vielleicht hatte es jemand anderes: melden Sie sich neu an, und ändern Sie Ihr Passwort, wenn Sie den Grund nicht kennen.',
    },
    mfa_changed: {
      title: 'Ihre zweiten Faktoren wurden geändert',
      body: 'Ein zweiter Faktor Ihres Kontos wurde hinzugefügt oder entfernt. Wenn Sie es nicht waren, ändern Sie sofort Ihr Passwort.',
    },
    order_confirmed: {
      title: 'Bestellung bestätigt',
      body: 'Ihre Bestellung {order_id} ist bestätigt. Summe: {total}.',
    },
    order_cancelled: {
      title: 'Bestellung storniert',
      body: 'Ihre Bestellung {order_id} wurde storniert. Es wurde nichts abgebucht.',
    },
    order_shipped: { title: 'Bestellung versandt', body: 'Ihre Bestellung {order_id} ist unterwegs.' },
    order_delivered: { title: 'Bestellung zugestellt', body: 'Ihre Bestellung {order_id} wurde zugestellt.' },
    order_refunded: {
      title: 'Bestellung erstattet',
      body: 'Ihre Bestellung {order_id} wurde erstattet. Summe: {total}.',
    },
    payment_failed: { title: 'Zahlung fehlgeschlagen', body: 'Eine Zahlung über {amount} wurde abgelehnt.' },
    ride_accepted: { title: 'Fahrt angenommen', body: 'Ein Fahrer hat Ihre Fahrt {ride_id} angenommen.' },
    ride_completed: { title: 'Fahrt beendet', body: 'Ihre Fahrt {ride_id} ist beendet. Preis: {fare}.' },
    ride_cancelled: { title: 'Fahrt storniert', body: 'Ihre Fahrt {ride_id} wurde storniert.' },
    ride_expired: { title: 'Kein Fahrer gefunden', body: 'Niemand hat Ihre Fahrt {ride_id} rechtzeitig angenommen.' },
  },
};
