/** Version of this package, as it is sent with each request and written into a bundle's manifest. */
export const sdkVersion = "0.1.0";
