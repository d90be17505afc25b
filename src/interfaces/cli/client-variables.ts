/** What the command line reads from the environment to call operations, besides the settings of the server. */
export const CLIENT_VARIABLES = {
  API_URL: 'address of the server (default: the one that HOST and PORT make on this machine)',
  API_TOKEN: 'token for it (default, on this machine only: the one that the server keeps in DATA_FOLDER)',
} as const;
