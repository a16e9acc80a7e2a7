// @ts-check

/** Payment methods of the sandbox provider. @type {[value: string, text: string][]} */
export const paymentMethods = [
  ['pm_card_ok', 'Card that works'],
  ['pm_card_declined', 'Card that is declined'],
  ['pm_timeout_then_ok', 'Card whose bank answers late'],
];
