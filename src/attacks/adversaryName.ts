/** How the key `name` of every attack is described. */
export const adversaryName =
  'Name of the trained adversary (models/NAME) and of its row in the report. Default: the attack.';
