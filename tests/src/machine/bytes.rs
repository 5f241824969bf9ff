//! The part of [`frontend_x86::memory::GuestMemory`] that follows from access to single bytes.

/// Implements `GuestMemory` for a type with `fn byte(&self, u32, Access) -> Result<&AtomicU8, Fault>`; the rest is given.
macro_rules! guest_memory {
    ($name:ty; $($rest:item)*) => {
        impl $name {
            fn load<const N: usize>(&self, at: GuestAddr) -> Result<[u8; N], Fault> {
                let mut out = [0; N];
                let (_, fault) = self.read_bytes(at, &mut out);
                fault.map_or(Ok(out), Err)
            }

            fn store<const N: usize>(&self, at: GuestAddr, bytes: [u8; N]) -> Result<(), Fault> {
                self.probe_write(at, bytes.len() as u32)?;
                self.write_bytes(at, &bytes);
                Ok(())
            }
        }

        impl GuestMemory for $name {
            fn load8(&self, at: GuestAddr) -> Result<u8, Fault> {
                self.load(at).map(u8::from_le_bytes)
            }
            fn load16(&self, at: GuestAddr) -> Result<u16, Fault> {
                self.load(at).map(u16::from_le_bytes)
            }
            fn load32(&self, at: GuestAddr) -> Result<u32, Fault> {
                self.load(at).map(u32::from_le_bytes)
            }
            fn load64(&self, at: GuestAddr) -> Result<u64, Fault> {
                self.load(at).map(u64::from_le_bytes)
            }
            fn load128(&self, at: GuestAddr) -> Result<u128, Fault> {
                self.load(at).map(u128::from_le_bytes)
            }
            fn store8(&self, at: GuestAddr, value: u8) -> Result<(), Fault> {
                self.store(at, value.to_le_bytes())
            }
            fn store16(&self, at: GuestAddr, value: u16) -> Result<(), Fault> {
                self.store(at, value.to_le_bytes())
            }
            fn store32(&self, at: GuestAddr, value: u32) -> Result<(), Fault> {
                self.store(at, value.to_le_bytes())
            }
            fn store64(&self, at: GuestAddr, value: u64) -> Result<(), Fault> {
                self.store(at, value.to_le_bytes())
            }
            fn store128(&self, at: GuestAddr, value: u128) -> Result<(), Fault> {
                self.store(at, value.to_le_bytes())
            }

            fn compare_exchange(&self, at: GuestAddr, bytes: u32, expected: u64, new: u64) -> Result<u64, Fault> {
                self.probe_write(at, bytes)?;
                let n = bytes as usize;
                let mut old = [0; 8];
                self.read_bytes(at, &mut old[..n]);
                let old = u64::from_le_bytes(old);
                if old == expected {
                    self.write_bytes(at, &new.to_le_bytes()[..n]);
                }
                Ok(old)
            }

            fn fetch(&self, at: GuestAddr, buf: &mut [u8]) -> Result<usize, Fault> {
                for (i, b) in (0..).zip(buf.iter_mut()) {
                    match self.byte(at.0.wrapping_add(i), Access::Execute) {
                        Ok(cell) => *b = cell.load(core::sync::atomic::Ordering::SeqCst),
                        Err(fault) if i == 0 => return Err(fault),
                        Err(_) => return Ok(i as usize),
                    }
                }
                Ok(buf.len())
            }

            fn read_bytes(&self, at: GuestAddr, buf: &mut [u8]) -> (usize, Option<Fault>) {
                for (i, b) in (0..).zip(buf.iter_mut()) {
                    match self.byte(at.0.wrapping_add(i), Access::Read) {
                        Ok(cell) => *b = cell.load(core::sync::atomic::Ordering::SeqCst),
                        Err(fault) => return (i as usize, Some(fault)),
                    }
                }
                (buf.len(), None)
            }

            fn write_bytes(&self, at: GuestAddr, bytes: &[u8]) -> (usize, Option<Fault>) {
                for (i, b) in (0..).zip(bytes) {
                    match self.byte(at.0.wrapping_add(i), Access::Write) {
                        Ok(cell) => cell.store(*b, core::sync::atomic::Ordering::SeqCst),
                        Err(fault) => return (i as usize, Some(fault)),
                    }
                }
                (bytes.len(), None)
            }

            fn probe_write(&self, at: GuestAddr, len: u32) -> Result<(), Fault> {
                (0..len).try_for_each(|i| self.byte(at.0.wrapping_add(i), Access::Write).map(drop))
            }

            fn resolve_fault(&self, at: GuestAddr, access: Access) -> Resolution {
                self.byte(at.0, access).map_or_else(Resolution::Fault, |_| Resolution::Retry)
            }
            $($rest)*
        }
    };
}
pub(super) use guest_memory;
