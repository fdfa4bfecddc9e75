/** Looks a file up in a Python package index by the simple repository API, in its JSON or HTML form.
 *  Source: PEP 503 (HTML, `#sha256=`), PEP 691 (JSON). */
import { EnvironmentError, FormatError } from '../../../../base/errors.js';
import { isRecord } from '../jsonFile.js';

export interface IndexedFile {
  readonly url: URL;
  readonly sha256: string;
  /** Credentials of the index, when the file lies on the same host. */
  readonly headers: Readonly<Record<string, string>>;
}

const jsonType = 'application/vnd.pypi.simple.v1+json';
/** Maximum length of an index page in characters; pages of a project have a few thousand to a few million. */
const maxPageLength = 50_000_000;

/** Finds the address and checksum of a file.
 *  @param index base address, such as https://pypi.org/simple
 *  @throws EnvironmentError when the index does not answer or lacks the file; FormatError when its answer is malformed
 */
export async function findIndexedFile(
  fetchPage: typeof fetch,
  index: string,
  project: string,
  fileName: string,
): Promise<IndexedFile> {
  const page = new URL(`${index.replace(/\/+$/, '')}/${project}/`);
  const credentials = takeCredentials(page);
  const response = await fetchPage(page, { headers: { Accept: `${jsonType}, text/html;q=0.1`, ...credentials } });
  if (!response.ok) {
    throw new EnvironmentError(`${page.host} has no package ${project}`, {
      got: `status ${response.status}`,
      remedy: 'Check PIP_INDEX_URL.',
    });
  }
  const text = await response.text();
  if (text.length > maxPageLength) throw new FormatError('the index page is absurdly long', { where: page.href });
  const isJson = (response.headers.get('content-type') ?? '').includes('json');
  const base = new URL(response.url === '' ? page : response.url);
  const found = isJson ? findInJson(text, fileName, page.href) : findInHtml(text, fileName);
  if (found === null)
    throw new EnvironmentError(`${page.host} has no ${fileName} with a checksum`, { where: page.href });
  const url = new URL(found.href, base);
  return { url, sha256: found.sha256, headers: url.origin === page.origin ? credentials : {} };
}

/** Removes the credentials from an address (https://user:password@host) and returns them as a header: fetch refuses them
 *  in the address, and errors must not show them. */
function takeCredentials(page: URL): Readonly<Record<string, string>> {
  const { username, password } = page;
  page.username = '';
  page.password = '';
  if (username === '' && password === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { Authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

interface Link {
  readonly href: string;
  readonly sha256: string;
}

function findInJson(text: string, fileName: string, where: string): Link | null {
  let page: unknown;
  try {
    page = JSON.parse(text);
  } catch (cause) {
    throw new FormatError('the index page is not JSON', { where, cause });
  }
  const files: unknown = isRecord(page) ? page['files'] : null;
  if (!Array.isArray(files)) throw new FormatError('the index page has no files', { where });
  const file: unknown = files.find((item: unknown) => isRecord(item) && item['filename'] === fileName);
  if (!isRecord(file) || !isRecord(file['hashes'])) return null;
  const sha256 = file['hashes']['sha256'];
  return typeof file['url'] === 'string' && typeof sha256 === 'string'
    ? { href: file['url'], sha256: sha256.toLowerCase() }
    : null;
}

function findInHtml(text: string, fileName: string): Link | null {
  for (const [, quotedHref = '', label = ''] of text.matchAll(
    /<a\s[^>]*?href\s*=\s*("[^"]*"|'[^']*')[^>]*>([^<]*)<\/a>/gi,
  )) {
    const [, href = '', sha256 = ''] =
      /^(.*)#(?:[^#]*&)?sha256=([0-9a-f]{64})/i.exec(quotedHref.slice(1, -1).replaceAll('&amp;', '&')) ?? [];
    if (label.trim() === fileName && href !== '') return { href, sha256: sha256.toLowerCase() };
  }
  return null;
}
