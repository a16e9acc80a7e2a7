import about from '../../package.json' with { type: 'json' };

/** The release of this code, from package.json. */
export const ownRelease: string = about.version;

/** How a release is written. */
export const releasePattern = /^\d+\.\d+\.\d+$/;

/** Returns whether a release is the named one or a later one. A pre-release counts as its release. */
export function isAtLeast(release: string, oldest: string): boolean {
  const [number = ''] = release.split('-');
  return number.localeCompare(oldest, 'en', { numeric: true }) >= 0;
}
