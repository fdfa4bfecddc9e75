/** Texts in which a reader sees nothing. */

/** Whether a text holds nothing but white space, controls and characters of no width. */
export function isBlank(text: string): boolean {
  return /^[\s\p{Cc}\p{Default_Ignorable_Code_Point}\u2800]*$/u.test(text);
}
